impl < __Context > :: bincode :: Decode < __Context > for CommandKind
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::ListSessions {}),
            1u32 =>core :: result :: Result :: Ok(Self ::CreateSession {}),
            2u32 =>core :: result :: Result :: Ok(Self ::DeleteSession {}),
            3u32 =>core :: result :: Result :: Ok(Self ::SwitchSession {}),
            4u32 =>core :: result :: Result :: Ok(Self ::Unsubscribe {}), 5u32
            =>core :: result :: Result :: Ok(Self ::ListStoredSessions {}),
            6u32 =>core :: result :: Result :: Ok(Self ::LoadSession {}), 7u32
            =>core :: result :: Result :: Ok(Self ::GetMetrics {}), 8u32
            =>core :: result :: Result :: Ok(Self ::HealthCheck {}), 9u32
            =>core :: result :: Result :: Ok(Self ::GetStartupRecovery {}),
            10u32 =>core :: result :: Result ::
            Ok(Self ::GetCommandHistory {}), 11u32 =>core :: result :: Result
            :: Ok(Self ::GetCapabilities {}), 12u32 =>core :: result :: Result
            :: Ok(Self ::SetInterest {}), 13u32 =>core :: result :: Result ::
            Ok(Self ::CancelCommand {}), 14u32 =>core :: result :: Result ::
            Ok(Self ::ReconcileCommand {}), 15u32 =>core :: result :: Result
            :: Ok(Self ::ExtensionUiResponse {}), 16u32 =>core :: result ::
            Result :: Ok(Self ::GetState {}), 17u32 =>core :: result :: Result
            :: Ok(Self ::GetMessages {}), 18u32 =>core :: result :: Result ::
            Ok(Self ::GetSessionStats {}), 19u32 =>core :: result :: Result ::
            Ok(Self ::GetForkMessages {}), 20u32 =>core :: result :: Result ::
            Ok(Self ::GetTree {}), 21u32 =>core :: result :: Result ::
            Ok(Self ::GetLastAssistantText {}), 22u32 =>core :: result ::
            Result :: Ok(Self ::GetContextUsage {}), 23u32 =>core :: result ::
            Result :: Ok(Self ::GetAvailableModels {}), 24u32 =>core :: result
            :: Result :: Ok(Self ::GetCommands {}), 25u32 =>core :: result ::
            Result :: Ok(Self ::GetSkills {}), 26u32 =>core :: result ::
            Result :: Ok(Self ::GetTools {}), 27u32 =>core :: result :: Result
            :: Ok(Self ::ListSessionFiles {}), 28u32 =>core :: result ::
            Result :: Ok(Self ::Prompt {}), 29u32 =>core :: result :: Result
            :: Ok(Self ::Compact {}), 30u32 =>core :: result :: Result ::
            Ok(Self ::Bash {}), 31u32 =>core :: result :: Result ::
            Ok(Self ::NewSession {}), 32u32 =>core :: result :: Result ::
            Ok(Self ::SwitchSessionFile {}), 33u32 =>core :: result :: Result
            :: Ok(Self ::Fork {}), 34u32 =>core :: result :: Result ::
            Ok(Self ::NavigateTree {}), 35u32 =>core :: result :: Result ::
            Ok(Self ::Steer {}), 36u32 =>core :: result :: Result ::
            Ok(Self ::FollowUp {}), 37u32 =>core :: result :: Result ::
            Ok(Self ::Abort {}), 38u32 =>core :: result :: Result ::
            Ok(Self ::AbortCompaction {}), 39u32 =>core :: result :: Result ::
            Ok(Self ::AbortRetry {}), 40u32 =>core :: result :: Result ::
            Ok(Self ::AbortBash {}), 41u32 =>core :: result :: Result ::
            Ok(Self ::SetModel {}), 42u32 =>core :: result :: Result ::
            Ok(Self ::CycleModel {}), 43u32 =>core :: result :: Result ::
            Ok(Self ::SetThinkingLevel {}), 44u32 =>core :: result :: Result
            :: Ok(Self ::CycleThinkingLevel {}), 45u32 =>core :: result ::
            Result :: Ok(Self ::SetAutoCompaction {}), 46u32 =>core :: result
            :: Result :: Ok(Self ::SetAutoRetry {}), 47u32 =>core :: result ::
            Result :: Ok(Self ::SetSessionName {}), 48u32 =>core :: result ::
            Result :: Ok(Self ::ExportHtml {}), variant =>core :: result ::
            Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "CommandKind", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 48 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for CommandKind
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::ListSessions {}),
            1u32 =>core :: result :: Result :: Ok(Self ::CreateSession {}),
            2u32 =>core :: result :: Result :: Ok(Self ::DeleteSession {}),
            3u32 =>core :: result :: Result :: Ok(Self ::SwitchSession {}),
            4u32 =>core :: result :: Result :: Ok(Self ::Unsubscribe {}), 5u32
            =>core :: result :: Result :: Ok(Self ::ListStoredSessions {}),
            6u32 =>core :: result :: Result :: Ok(Self ::LoadSession {}), 7u32
            =>core :: result :: Result :: Ok(Self ::GetMetrics {}), 8u32
            =>core :: result :: Result :: Ok(Self ::HealthCheck {}), 9u32
            =>core :: result :: Result :: Ok(Self ::GetStartupRecovery {}),
            10u32 =>core :: result :: Result ::
            Ok(Self ::GetCommandHistory {}), 11u32 =>core :: result :: Result
            :: Ok(Self ::GetCapabilities {}), 12u32 =>core :: result :: Result
            :: Ok(Self ::SetInterest {}), 13u32 =>core :: result :: Result ::
            Ok(Self ::CancelCommand {}), 14u32 =>core :: result :: Result ::
            Ok(Self ::ReconcileCommand {}), 15u32 =>core :: result :: Result
            :: Ok(Self ::ExtensionUiResponse {}), 16u32 =>core :: result ::
            Result :: Ok(Self ::GetState {}), 17u32 =>core :: result :: Result
            :: Ok(Self ::GetMessages {}), 18u32 =>core :: result :: Result ::
            Ok(Self ::GetSessionStats {}), 19u32 =>core :: result :: Result ::
            Ok(Self ::GetForkMessages {}), 20u32 =>core :: result :: Result ::
            Ok(Self ::GetTree {}), 21u32 =>core :: result :: Result ::
            Ok(Self ::GetLastAssistantText {}), 22u32 =>core :: result ::
            Result :: Ok(Self ::GetContextUsage {}), 23u32 =>core :: result ::
            Result :: Ok(Self ::GetAvailableModels {}), 24u32 =>core :: result
            :: Result :: Ok(Self ::GetCommands {}), 25u32 =>core :: result ::
            Result :: Ok(Self ::GetSkills {}), 26u32 =>core :: result ::
            Result :: Ok(Self ::GetTools {}), 27u32 =>core :: result :: Result
            :: Ok(Self ::ListSessionFiles {}), 28u32 =>core :: result ::
            Result :: Ok(Self ::Prompt {}), 29u32 =>core :: result :: Result
            :: Ok(Self ::Compact {}), 30u32 =>core :: result :: Result ::
            Ok(Self ::Bash {}), 31u32 =>core :: result :: Result ::
            Ok(Self ::NewSession {}), 32u32 =>core :: result :: Result ::
            Ok(Self ::SwitchSessionFile {}), 33u32 =>core :: result :: Result
            :: Ok(Self ::Fork {}), 34u32 =>core :: result :: Result ::
            Ok(Self ::NavigateTree {}), 35u32 =>core :: result :: Result ::
            Ok(Self ::Steer {}), 36u32 =>core :: result :: Result ::
            Ok(Self ::FollowUp {}), 37u32 =>core :: result :: Result ::
            Ok(Self ::Abort {}), 38u32 =>core :: result :: Result ::
            Ok(Self ::AbortCompaction {}), 39u32 =>core :: result :: Result ::
            Ok(Self ::AbortRetry {}), 40u32 =>core :: result :: Result ::
            Ok(Self ::AbortBash {}), 41u32 =>core :: result :: Result ::
            Ok(Self ::SetModel {}), 42u32 =>core :: result :: Result ::
            Ok(Self ::CycleModel {}), 43u32 =>core :: result :: Result ::
            Ok(Self ::SetThinkingLevel {}), 44u32 =>core :: result :: Result
            :: Ok(Self ::CycleThinkingLevel {}), 45u32 =>core :: result ::
            Result :: Ok(Self ::SetAutoCompaction {}), 46u32 =>core :: result
            :: Result :: Ok(Self ::SetAutoRetry {}), 47u32 =>core :: result ::
            Result :: Ok(Self ::SetSessionName {}), 48u32 =>core :: result ::
            Result :: Ok(Self ::ExportHtml {}), variant =>core :: result ::
            Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "CommandKind", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 48 }
            })
        }
    }
}